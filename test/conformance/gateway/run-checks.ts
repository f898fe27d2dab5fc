import { CHAT_CHECKS, hasChat } from "./chat-checks.ts";
import { type Check, Failed, Skipped } from "./check.ts";
import { ENDPOINT_CHECKS } from "./endpoint-checks.ts";
import { ERROR_CHECKS } from "./error-checks.ts";
import { HEADER_CHECKS } from "./header-checks.ts";
import { hasMessages, MESSAGE_CHECKS } from "./message-checks.ts";
import { MODEL_CHECKS } from "./model-checks.ts";
import { ROBUSTNESS_CHECKS } from "./robustness-checks.ts";
import { STREAMING_CHECKS } from "./streaming-checks.ts";
import { STRUCTURED_OUTPUT_CHECKS } from "./structured-output-checks.ts";
import type { Target } from "./target.ts";
import { TOOL_CHECKS } from "./tool-checks.ts";

/** Checks that make sense only where a route is served at all. */
interface Suite {
  readonly checks: readonly Check[];
  /** Why they are all left out, or null. */
  readonly without: (target: Target) => Promise<string | null>;
}

const CHAT_SUITE: Suite = {
  checks: [
    ...CHAT_CHECKS,
    ...STREAMING_CHECKS,
    ...TOOL_CHECKS,
    ...STRUCTURED_OUTPUT_CHECKS,
    ...ERROR_CHECKS,
    ...HEADER_CHECKS,
    ...ROBUSTNESS_CHECKS,
  ],
  without: async (target) => ((await hasChat(target)) ? null : "POST /v1/chat/completions is not served"),
};
const MESSAGE_SUITE: Suite = {
  checks: MESSAGE_CHECKS,
  without: async (target) => ((await hasMessages(target)) ? null : "POST /v1/messages is not served"),
};
const OTHER_SUITE: Suite = { checks: [...MODEL_CHECKS, ...ENDPOINT_CHECKS], without: async () => null };

const SUITES = [CHAT_SUITE, MESSAGE_SUITE, OTHER_SUITE];

export interface CheckResult {
  readonly id: string;
  readonly says: string;
  readonly outcome: "pass" | "fail" | "skip";
  /** What is wrong, or why it was left out; empty for one that passed. */
  readonly why: string;
  readonly durationMs: number;
}

/**
 * Runs the checks one after the other: a gateway's limits are for clients, not for checks.
 * @param only prefixes of ids; empty: all
 * @param onResult told of each as soon as it is known
 */
export async function runChecks(
  target: Target,
  only: readonly string[] = [],
  onResult: (result: CheckResult) => void = () => {},
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { checks, without } of SUITES) {
    const wanted = checks.filter(({ id }) => only.length === 0 || only.some((prefix) => id.startsWith(prefix)));
    if (wanted.length === 0) continue;
    const reason = await reasonFor(target, without);
    for (const check of wanted) {
      const result = reason === null ? await runCheck(check, target) : leftOut(check, reason);
      results.push(result);
      onResult(result);
    }
  }
  return results;
}

/** A gateway that does not answer at all fails its checks; it does not lack the route. */
async function reasonFor(target: Target, without: Suite["without"]): Promise<string | null> {
  try {
    return await without(target);
  } catch (error) {
    if (error instanceof Failed) return null;
    throw error;
  }
}

async function runCheck(check: Check, target: Target): Promise<CheckResult> {
  const { id, says } = check;
  const startedMs = performance.now();
  const result = (outcome: CheckResult["outcome"], why: string): CheckResult => ({
    id,
    says,
    outcome,
    why,
    durationMs: Math.round(performance.now() - startedMs),
  });
  try {
    await check.run(target);
    return result("pass", "");
  } catch (error) {
    if (error instanceof Skipped) return result("skip", error.message);
    if (error instanceof Failed) return result("fail", error.message);
    return result("fail", `the check itself broke: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function leftOut({ id, says }: Check, why: string): CheckResult {
  return { id, says, outcome: "skip", why, durationMs: 0 };
}
