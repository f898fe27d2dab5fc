import { firstOf } from "../ports/clock.ts";
import type { Ports } from "../ports/ports.ts";
import type { Asked, AskOptions, AttemptRecord } from "./ask-endpoint.ts";
import type { AttemptResult } from "./attempt-result.ts";
import type { Endpoint } from "./endpoint.ts";

/** What one endpoint of a race came to. */
export interface Finish<Reply> extends Asked<Reply> {
  readonly endpoint: Endpoint;
}

/** Asks an endpoint with these options, which hold its own signal. */
type Ask<Reply> = (endpoint: Endpoint, options: AskOptions) => Promise<Asked<Reply>>;

interface Runner<Reply> {
  readonly finish: Promise<Finish<Reply>>;
  /** Nobody waits for it any more. */
  outrun(): void;
}

/**
 * Staged hedging: asks `first`; when it has neither answered nor failed after `delayMs`, `rival` as well. The first
 * answer wins and the other call is aborted; a refusal of the request itself (400) ends both. See docs/decisions.
 * @param discard lets go of an answer that came at the same moment as the winner's
 * @returns what the endpoints came to that came to anything, the one that decides last
 */
export async function raceEndpoints<Reply>(
  ports: Pick<Ports, "clock" | "background">,
  ask: Ask<Reply>,
  first: Endpoint,
  rival: Endpoint,
  delayMs: number,
  options: AskOptions,
  discard: (reply: Reply) => void,
): Promise<readonly Finish<Reply>[]> {
  const leading = run(ask, first, options);
  const early = await firstOf(ports.clock, leading.finish, delayMs);
  if (early !== null) return [early];
  const following = run(ask, rival, options);
  const sooner = await Promise.race([leading.finish, following.finish]);
  const other = sooner.endpoint === first ? following : leading;
  if (!isDecisive(sooner.result)) return [sooner, await other.finish];
  other.outrun();
  ports.background(
    other.finish.then(({ result }) => {
      if (result.kind === "answered") discard(result.reply);
    }),
  );
  return [sooner];
}

function isDecisive(result: AttemptResult<unknown>): boolean {
  return result.kind !== "failed" || result.failure.kind === "rejected";
}

function run<Reply>(ask: Ask<Reply>, endpoint: Endpoint, options: AskOptions): Runner<Reply> {
  const controller = new AbortController();
  const { clientSignal } = options;
  const leave = () => controller.abort(clientSignal?.reason);
  if (clientSignal?.aborted === true) leave();
  clientSignal?.addEventListener("abort", leave, { once: true });
  let isOutrun = false;
  const onAttempt = (record: AttemptRecord) =>
    options.onAttempt(isOutrun ? { ...record, outcome: "outrun", status: null } : record);
  const finish = ask(endpoint, { ...options, clientSignal: controller.signal, onAttempt }).then((asked) => {
    // A stream that has begun is its relay's: the client's leaving is seen there.
    clientSignal?.removeEventListener("abort", leave);
    return { endpoint, ...asked };
  });
  return {
    finish,
    outrun: () => {
      isOutrun = true;
      controller.abort();
    },
  };
}
