import type { Measurement } from "./run.ts";

type Rows = ReadonlyMap<string, Measurement>;
const NAME_WIDTH = 36;

/** Whole replies: rate, latency added to the direct call's, and processor time. */
export function printTable(title: string, rows: Rows): void {
  const direct = rows.get("direct");
  process.stdout.write(
    `\n${title}\n${"".padEnd(NAME_WIDTH)}    req/s  p50 ms  p99 ms  added p50  added p99  CPU s per 1,000\n`,
  );
  for (const [name, row] of rows) {
    process.stdout.write(
      `${name.padEnd(NAME_WIDTH)}${row.requestsPerSecond.toFixed(0).padStart(9)}${row.p50Ms.toFixed(2).padStart(8)}` +
        `${row.p99Ms.toFixed(2).padStart(8)}${(row.p50Ms - (direct?.p50Ms ?? 0)).toFixed(2).padStart(11)}` +
        `${(row.p99Ms - (direct?.p99Ms ?? 0)).toFixed(2).padStart(11)}${row.cpuSecondsPerThousand.toFixed(3).padStart(17)}${failures(row)}\n`,
    );
  }
}

/** Streams: events relayed a second and the time until the first of them. */
export function printStreams(title: string, rows: Rows, eventsPerStream: number): void {
  const direct = rows.get("direct");
  process.stdout.write(
    `\n${title}\n${"".padEnd(NAME_WIDTH)} streams/s   chunks/s  first ms  added first  CPU s per 1,000\n`,
  );
  for (const [name, row] of rows) {
    process.stdout.write(
      `${name.padEnd(NAME_WIDTH)}${row.requestsPerSecond.toFixed(0).padStart(10)}` +
        `${(row.requestsPerSecond * eventsPerStream).toFixed(0).padStart(11)}${row.firstChunkP50Ms.toFixed(2).padStart(10)}` +
        `${(row.firstChunkP50Ms - (direct?.firstChunkP50Ms ?? 0)).toFixed(2).padStart(13)}` +
        `${row.cpuSecondsPerThousand.toFixed(3).padStart(17)}${failures(row)}\n`,
    );
  }
}

function failures(row: Measurement): string {
  return row.failures === 0 ? "" : `  ${row.failures} FAILED`;
}
