import { availableParallelism } from "node:os";
import { ampleApp, countRoundTrips } from "../support/count-round-trips.ts";
import { measureIdleStreams } from "./idle-streams.ts";
import { printStreams, printTable } from "./print-tables.ts";
import { leaveMeasuredCore, load, processorSeconds, residentMegabytes } from "./processes.ts";
import { type BenchmarkTarget, startTargets } from "./targets.ts";
import { EVENTS_PER_STREAM } from "./upstream-replies.ts";

/**
 * `npm run bench`: every target in front of the same upstream, in interleaved rounds, so that a drifting machine
 * drifts for all of them; medians are printed. `--quick` takes fewer and shorter rounds.
 */
const quick = process.argv.includes("--quick");
const ROUNDS = quick ? 3 : 5;
const ROUND_MS = quick ? 1_300 : 4_000;
const CORES = availableParallelism();
const CONNECTIONS = [1, 16, 64, 256];

export interface Measurement {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly firstChunkP50Ms: number;
  readonly cpuSecondsPerThousand: number;
  readonly failures: number;
}

async function measure(target: BenchmarkTarget, connections: number, stream: boolean): Promise<Measurement> {
  const body = JSON.stringify({
    model: "openai/gpt-4o-mini",
    ...(stream ? { stream: true } : {}),
    messages: [{ role: "user", content: "Is all quiet on the quay tonight? Answer in a sentence or two." }],
  });
  const before = processorSeconds(target.processIds);
  const report = await load({
    host: "127.0.0.1",
    port: target.port,
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...target.headers },
    body,
    connections,
    durationMs: ROUND_MS,
  });
  const cpuSeconds = processorSeconds(target.processIds) - before;
  return {
    requestsPerSecond: report.requests / report.seconds,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    firstChunkP50Ms: report.firstChunkP50Ms,
    cpuSecondsPerThousand: report.requests === 0 ? 0 : (cpuSeconds / report.requests) * 1000,
    failures: report.failures,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function medians(rounds: readonly Measurement[]): Measurement {
  const of = (pick: (round: Measurement) => number) => median(rounds.map(pick));
  return {
    requestsPerSecond: of((round) => round.requestsPerSecond),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    firstChunkP50Ms: of((round) => round.firstChunkP50Ms),
    cpuSecondsPerThousand: of((round) => round.cpuSecondsPerThousand),
    failures: rounds.reduce((sum, round) => sum + round.failures, 0),
  };
}

async function interleaved(
  targets: readonly BenchmarkTarget[],
  connections: number,
  stream: boolean,
): Promise<ReadonlyMap<string, Measurement>> {
  const rounds = new Map<string, Measurement[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const target of targets) rounds.get(target.name)?.push(await measure(target, connections, stream));
  }
  return new Map([...rounds].map(([name, measured]) => [name, medians(measured)]));
}

const hasOwnCore = leaveMeasuredCore();
const { targets, stop } = await startTargets();
process.stdout.write(
  `Node ${process.version}, ${CORES} cores, ${ROUNDS} interleaved rounds of ${ROUND_MS / 1000} s, medians. ` +
    (hasOwnCore ? "Each target has one core to itself; load, upstream and stores share the rest. " : "") +
    "Everything on in Gangway: key, limit, hold, metering, settlement.\n",
);
try {
  for (const target of targets) await measure(target, 16, false); // warm
  for (const connections of quick ? [1, 64] : CONNECTIONS) {
    printTable(`Whole replies, ${connections} connections`, await interleaved(targets, connections, false));
  }
  for (const connections of quick ? [1, 32] : [1, 32]) {
    const measured = await interleaved(targets, connections, true);
    printStreams(`Streams of ${EVENTS_PER_STREAM} events, ${connections} connections`, measured, EVENTS_PER_STREAM);
  }
  const app = await ampleApp();
  await countRoundTrips(app);
  const { atProvider, after } = await countRoundTrips(app);
  process.stdout.write(
    `\nStore round trips of a warm request: ${atProvider.redis} Redis and ${atProvider.sql} SQL before the provider, ` +
      `${after.redis} Redis and ${after.sql} SQL after the answer\n`,
  );
  process.stdout.write("\nMemory, MB\n");
  for (const target of targets) {
    const resident = residentMegabytes(target.processIds).toFixed(0).padStart(8);
    process.stdout.write(`${target.name.padEnd(36)}${resident} resident after load\n`);
  }
  for (const target of targets.filter(({ isGangway }) => isGangway)) {
    const { idleMegabytes, streamingMegabytes } = await measureIdleStreams(target, 500);
    const growth = (streamingMegabytes - idleMegabytes).toFixed(0);
    process.stdout.write(`${target.name.padEnd(36)}${growth.padStart(8)} more with 500 slow streams\n`);
  }
} finally {
  await stop();
}
