import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const run = promisify(execFile);
const ADMIN_CANARY = "admin-canary-of-dev-worker";

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly ended: boolean;
  readonly command: string;
}

async function processes(): Promise<readonly Process[]> {
  const { stdout } = await run("ps", ["-eo", "pid=,ppid=,stat=,args="], { maxBuffer: 16 * 1024 * 1024 });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, state = "", command = ""] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // One that has ended stays listed until somebody asks how it ended.
    return pid === undefined
      ? []
      : [{ pid: Number(pid), parent: Number(parent), ended: state.startsWith("Z"), command }];
  });
}

/** A process' children, and theirs. */
function descendants(all: readonly Process[], pid: number): readonly Process[] {
  return all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...descendants(all, child.pid)]);
}

test("npm run dev:worker, in a fresh folder and with no provider: the printed curl works against workerd, and nothing is left of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gangway-dev-worker-"));
  const dataDirectory = join(folder, "data");
  const child = spawn(process.execPath, ["api/_node/dev-worker.ts"], {
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      PORT: "0",
      GANGWAY_DATA_DIR: dataDirectory,
      ADMIN_API_KEY: ADMIN_CANARY,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  onTestFinished(() => void child.kill("SIGTERM"));
  let output = "";
  const printed = Promise.withResolvers<string>();
  const read = (piece: Buffer) => {
    output += piece.toString();
    const curl = /^ {2}(curl .+)\n/m.exec(output)?.[1];
    if (curl !== undefined) printed.resolve(curl);
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  void exited.then(() => printed.reject(new Error(`It did not start: ${output}`)));

  const curl = await printed.promise;
  const { stdout } = await run("sh", ["-c", `${curl} -sS -i`]);
  expect(stdout).toMatch(/^HTTP\/1.1 200 OK/);
  expect(stdout).toContain("x-gateway-provider: gangway");
  expect(stdout).toContain("No model is behind it. You said: Hello!");
  expect(existsSync(join(dataDirectory, "postgres"))).toBe(true);

  const started = descendants(await processes(), child.pid ?? 0);
  expect(started.some(({ command }) => /\/workerd serve/.test(command))).toBe(true);
  // What it is told in confidence is not on a command line, where every user of the machine could read it.
  expect(started.filter(({ command }) => command.includes(ADMIN_CANARY))).toEqual([]);
  expect(output).not.toContain(ADMIN_CANARY);

  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  const pids = new Set(started.map(({ pid }) => pid));
  const left = async () => (await processes()).filter(({ pid, ended }) => pids.has(pid) && !ended);
  await expect.poll(left, { timeout: 5_000 }).toEqual([]);
  rmSync(folder, { recursive: true });
}, 60_000);
