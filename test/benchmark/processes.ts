import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import type { LoadPlan, LoadReport } from "./load-generator.ts";

const HERE = import.meta.dirname;
/** Linux reports processor time in these (getconf CLK_TCK). */
const TICKS_PER_SECOND = 100;

export interface Target {
  readonly port: number;
  readonly processIds: readonly number[];
  stop(): Promise<void>;
}

const MEASURED_CORE = "0";

/**
 * Keeps this process, and with it whatever it starts, off the core of what is measured. Left to itself the scheduler decides
 * in every round which target shares its core with the load, and the order of the targets changes from run to run.
 * @returns false where the machine has one core or no `taskset`
 */
export function leaveMeasuredCore(): boolean {
  return availableParallelism() > 1 && moveTo(`1-${availableParallelism() - 1}`, process.pid);
}

/** Gives the core of what is measured to a process with all its threads. */
export function takeMeasuredCore(target: Target): void {
  for (const id of target.processIds) moveTo(MEASURED_CORE, id);
}

function moveTo(cores: string, processId: number): boolean {
  return spawnSync("taskset", ["-a", "-c", "-p", cores, String(processId)]).status === 0;
}

/** Starts a script of this folder that prints its port on its first line. */
export async function startScript(script: string, environment: Readonly<Record<string, string>> = {}): Promise<Target> {
  return startCommand([`${HERE}/${script}`], environment, /^(\d+)$/m);
}

/** Starts node with `args` and waits until its output matches `ready`, whose first group is the port. */
export async function startCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  ready: RegExp,
): Promise<Target> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve, reject) => {
    let output = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      output += bytes.toString();
      const match = ready.exec(output);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once("exit", (code) => reject(new Error(`${args.join(" ")} ended with ${code}: ${output}`)));
  });
  return { port, processIds: child.pid === undefined ? [] : [child.pid], stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}

/** Runs the load generator in a process of its own. */
export async function load(plan: LoadPlan): Promise<LoadReport> {
  const script = `${HERE}/load-generator.ts`;
  const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(plan)], {
    maxBuffer: 1 << 24,
  });
  // Written by generateLoad.
  return JSON.parse(stdout) as LoadReport;
}

/** Seconds of processor time that the processes have used since they began. */
export function processorSeconds(processIds: readonly number[]): number {
  let ticks = 0;
  for (const id of processIds) {
    const fields = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of the processes together, megabytes. */
export function residentMegabytes(processIds: readonly number[]): number {
  let kilobytes = 0;
  for (const id of processIds) {
    kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0);
  }
  return kilobytes / 1024;
}

/** Every descendant of a process, itself included: workerd runs as a child of the one that starts it. */
export async function processTree(root: number): Promise<readonly number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid=,ppid="]);
  const parents = new Map<number, number>();
  for (const line of stdout.trim().split("\n")) {
    const [id, parent] = line.trim().split(/\s+/).map(Number);
    if (id !== undefined && parent !== undefined) parents.set(id, parent);
  }
  return [...parents.keys()].filter((id) => hasAncestor(parents, id, root));
}

function hasAncestor(parents: ReadonlyMap<number, number>, id: number, root: number): boolean {
  for (let current: number | undefined = id; current !== undefined && current > 1; current = parents.get(current)) {
    if (current === root) return true;
  }
  return false;
}
