import type { ReasoningRequest } from "../chat-request.ts";

/** Tokens of thought by OpenAI's words, before a model's own range is applied. */
const BUDGET_OF_EFFORT: ReadonlyMap<string, number> = new Map([
  ["none", 0],
  ["minimal", 512],
  ["low", 1_024],
  ["medium", 8_192],
  ["high", 24_576],
  ["xhigh", 32_768],
  ["max", 32_768],
]);

/** The first generation that thinks, and the first that is told a level rather than a number of tokens. */
const FIRST_THINKING = 2.5;
const FIRST_WITH_LEVELS = 3;

/**
 * How a model is told to think (ai.google.dev/gemini-api/docs/thinking, read 2026-11-23), or null for one that cannot
 * and answers 400 when it is told to.
 */
export function thinkingConfig(
  reasoning: ReasoningRequest,
  nativeModel: string,
): Readonly<Record<string, unknown>> | null {
  const generation = geminiGeneration(nativeModel);
  if (generation === null || generation < FIRST_THINKING || nativeModel.includes("-image")) return null;
  const effort = reasoning.enabled === false ? "none" : reasoning.effort;
  const includeThoughts = effort !== "none" && reasoning.budgetTokens !== 0;
  if (generation >= FIRST_WITH_LEVELS && reasoning.budgetTokens === undefined) {
    const level = effort === undefined ? null : levelOf(effort, nativeModel);
    return { includeThoughts, ...(level === null ? {} : { thinkingLevel: level }) };
  }
  const budget = effort === "none" ? 0 : (reasoning.budgetTokens ?? BUDGET_OF_EFFORT.get(effort ?? ""));
  return { includeThoughts, ...(budget === undefined ? {} : { thinkingBudget: withinRange(budget, nativeModel) }) };
}

/** `2.5` of `gemini-2.5-flash`; null for what is no Gemini. */
export function geminiGeneration(nativeModel: string): number | null {
  const match = /gemini-(\d+(?:\.\d+)?)/.exec(nativeModel);
  return match === null ? null : Number(match[1]);
}

/** Pro models cannot stop thinking and know no `minimal`; Gemini 3 Pro has no `medium` either. */
function levelOf(effort: string, nativeModel: string): string | null {
  const pro = nativeModel.includes("pro");
  switch (effort) {
    case "none":
    case "minimal":
      return pro ? "low" : "minimal";
    case "low":
      return "low";
    case "medium":
      return nativeModel.includes("gemini-3-pro") ? "high" : "medium";
    case "high":
    case "xhigh":
    case "max":
      return "high";
    default:
      return null;
  }
}

/** The budgets that a 2.5 model accepts: outside of them it answers 400. 0 means off, where a model can be off. */
function withinRange(budget: number, nativeModel: string): number {
  if (nativeModel.includes("pro")) return Math.min(32_768, Math.max(128, budget));
  if (budget === 0) return 0;
  return Math.min(24_576, nativeModel.includes("lite") ? Math.max(512, budget) : budget);
}
