import { demo } from "../../providers/declarations/demo.ts";
import { PROVIDERS } from "../../providers/provider-list.ts";
import { ConfigurationError, parseSettings } from "../configuration.ts";
import { createLog } from "../log.ts";
import { APP_VERSION } from "../version.ts";
import { printBanner } from "./banner.ts";
import { startNode } from "./start-node.ts";

/** `npm start`. */
const log = createLog((line) => process.stdout.write(`${line}\n`));
try {
  const declared = PROVIDERS.filter(({ id }) => id !== demo.id);
  const running = await startNode(parseSettings(process.env, "node", declared, APP_VERSION), log);
  printBanner(running.url, running.localKey, [...running.gateway.providers.keys()]);
  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    void running.stop().then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
} catch (error) {
  if (error instanceof ConfigurationError) process.stderr.write(`${error.message}\n`);
  else log.error("start_failed", error);
  process.exit(1);
}
