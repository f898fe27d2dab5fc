import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import * as z from "zod";

export interface GatewayProcess {
  readonly url: string;
  /** The local account's key, or "" on stores of the operator's. */
  readonly key: string;
  /** SIGKILL: nothing is finished, nothing is written any more. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM: everything that runs is finished first. */
  stop(): Promise<void>;
}

const packageFile = z.object({ scripts: z.object({ start: z.string() }) });

/** `npm start` as a process of its own, on any free port. */
export async function startProcess(environment: Readonly<Record<string, string>>): Promise<GatewayProcess> {
  const { start } = packageFile.parse(JSON.parse(readFileSync("package.json", "utf8"))).scripts;
  const [, ...args] = start.split(" ");
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], PORT: "0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let output = "";
  const banner = await new Promise<RegExpExecArray>((resolve, reject) => {
    const read = (piece: Buffer) => {
      output += piece.toString();
      const found = /Base URL\s+(\S+)\/v1\s+API key\s+(.+)\n/.exec(output);
      if (found !== null) resolve(found);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void exited.then(() => reject(new Error(`The gateway did not start: ${output}`)));
  });
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  const key = banner[2] ?? "";
  return {
    url: banner[1] ?? "",
    key: key.startsWith("<") ? "" : key,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  };
}
