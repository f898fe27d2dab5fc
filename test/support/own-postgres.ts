import { execFile } from "node:child_process";
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);

/** A PostgreSQL of a test's own, which it may kill. */
export interface OwnPostgres {
  readonly url: string;
  /** `pg_ctl stop -m immediate`: every backend ends where it stands, and the next start recovers from the log. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and takes its files away. */
  remove(): Promise<void>;
}

/** The folder of the newest server's programs as Debian installs them, or null. */
export function postgresPrograms(): string | null {
  const version = (path: string) => Number(/postgresql\/(\d+)/.exec(path)?.[1] ?? 0);
  return globSync("/usr/lib/postgresql/*/bin").toSorted((a, b) => version(b) - version(a))[0] ?? null;
}

/** PostgreSQL refuses to run as root: there it runs as the user that its package made. */
function postgresUser(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const entry = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === "postgres");
  if (entry === undefined) throw new Error("There is no user `postgres` to run PostgreSQL as.");
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

export async function startOwnPostgres(programs: string): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "gangway-postgres-"));
  const user = postgresUser();
  if (user !== null) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const port = await freePort();
  const program = (name: string, ...args: string[]) =>
    run(join(programs, name), args, { cwd: folder, timeout: 60_000, ...(user ?? {}) });
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${folder}`;
  const start = async () => {
    await program("pg_ctl", "-D", data, "-l", join(folder, "log"), "-w", "-t", "60", "-o", settings, "start");
  };
  const kill = async () => {
    await program("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop");
  };
  await program("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C");
  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    kill,
    start,
    async remove() {
      if (existsSync(join(data, "postmaster.pid"))) await kill();
      rmSync(folder, { recursive: true });
    },
  };
}
