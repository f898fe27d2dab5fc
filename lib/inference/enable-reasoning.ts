import { GatewayError } from "../errors/gateway-error.ts";
import { claudeGeneration } from "../protocol/anthropic/claude-generation.ts";
import type { ClientFormat, ClientFormatName, ParsedCall } from "../protocol/client-format.ts";
import { parseJsonBody } from "../protocol/json-body.ts";
import { spliceJson } from "../protocol/json-splice.ts";

/** Members to add to a body, as JSON text; none where the request speaks of thinking itself. */
type Additions = Readonly<Record<string, string>>;

const BUDGET_TOKENS = 12_288;
const MIN_BUDGET_TOKENS = 1_024;

/** By the client's format; legacy completions have no word for it. */
const ADDITIONS: Readonly<Partial<Record<ClientFormatName, (call: ParsedCall, modelId: string) => Additions>>> = {
  openai: ({ body }): Additions =>
    "reasoning" in body || "reasoning_effort" in body ? {} : { reasoning_effort: '"medium"' },
  responses: ({ body }): Additions => ("reasoning" in body ? {} : { reasoning: '{"effort":"medium"}' }),
  anthropic: (call, modelId): Additions => ("thinking" in call.body ? {} : { thinking: thinking(call, modelId) }),
};

/**
 * The call with thinking switched on in its own format (`:thinking`), its other bytes as they were.
 * @throws GatewayError `out_of_range` when `max_tokens` leaves no room for both thought and answer
 */
export function enableReasoning(format: ClientFormat, call: ParsedCall, modelId: string): ParsedCall {
  const additions = ADDITIONS[format.name]?.(call, modelId) ?? {};
  if (Object.keys(additions).length === 0) return call;
  const text = spliceJson(call.text, additions);
  return format.parse(parseJsonBody(text), text, call.protocolHeaders);
}

/** docs.anthropic.com/en/docs/build-with-claude/extended-thinking: a budget of at least 1,024, below `max_tokens`. */
function thinking({ maxOutputTokens }: ParsedCall, modelId: string): string {
  if (claudeGeneration(modelId).thinksAdaptively) return '{"type":"adaptive"}';
  const budget = Math.min(BUDGET_TOKENS, (maxOutputTokens ?? BUDGET_TOKENS) - MIN_BUDGET_TOKENS);
  if (budget < MIN_BUDGET_TOKENS) {
    const message = `max_tokens must be at least ${2 * MIN_BUDGET_TOKENS} for a model that is to think.`;
    throw new GatewayError("out_of_range", message, { param: "max_tokens" });
  }
  return `{"type":"enabled","budget_tokens":${budget}}`;
}
