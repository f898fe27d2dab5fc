import { ConfigurationError, parseSettings } from "../../lib/platform/configuration.ts";
import { createLog } from "../../lib/platform/log.ts";
import { printBanner } from "../../lib/platform/node/banner.ts";
import { bufferedLines } from "../../lib/platform/node/buffered-lines.ts";
import { DirectoryInUse } from "../../lib/platform/node/lock-directory.ts";
import { APP_VERSION } from "../../lib/platform/version.ts";
import { demo } from "../../lib/providers/declarations/demo.ts";
import { PROVIDERS } from "../../lib/providers/provider-list.ts";
import { type RunningGateway, startNode } from "./start-node.ts";

/** `npm start`. */
// Whoever read the log may be gone; the clients are not.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
const lines = bufferedLines((text) => process.stdout.write(text));
const log = createLog(lines.write);
try {
  const declared = PROVIDERS.filter(({ id }) => id !== demo.id);
  const running = await startNode(parseSettings(process.env, "node", declared, APP_VERSION), log);
  printBanner(running.url, running.localKey, [...running.gateway.providers.keys()]);
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    void end(running);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} catch (error) {
  if (error instanceof ConfigurationError || error instanceof DirectoryInUse)
    process.stderr.write(`${error.message}\n`);
  else if (error instanceof Error && Reflect.get(error, "code") === "EADDRINUSE")
    process.stderr.write(`Another program listens there already (${error.message}). Set PORT to another one.\n`);
  else log.error("start_failed", error);
  lines.flush();
  process.exit(1);
}

async function end(running: RunningGateway): Promise<void> {
  let status = 0;
  try {
    await running.stop();
  } catch (error) {
    log.error("stop_failed", error);
    status = 1;
  }
  lines.flush();
  process.exit(status);
}
