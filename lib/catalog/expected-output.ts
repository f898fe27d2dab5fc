/**
 * Usual output caps by model (spec facts, section 10), tokens. The longest name that the id contains counts. Llama 3.1 and
 * 3.2 go by "llama-3": the 128,000 that the facts give them is their context, and a hold for it would freeze an account.
 */
const USUAL_OUTPUT: Readonly<Record<string, number>> = {
  "gpt-4": 8192,
  "gpt-4-turbo": 4096,
  "gpt-4o": 4096,
  "gpt-4o-mini": 16384,
  "gpt-3.5-turbo": 4096,
  "claude-3-opus": 4096,
  "claude-3-sonnet": 4096,
  "claude-3-haiku": 4096,
  "claude-3.5-sonnet": 8192,
  "claude-sonnet-4": 8192,
  "llama-3": 8192,
  mistral: 8192,
  mixtral: 32768,
};
const OTHERWISE = 4096;

/**
 * What one answer of a model is taken to come to before anything is known of its use: the default for a request that
 * asks for no maximum (CM-6.3.2).
 */
export function usualOutputTokens(modelId: string, maxOutputTokens: number): number {
  const own = modelId.slice(modelId.indexOf("/") + 1); // a vendor's name is not a model's: mistralai/mixtral
  let best = "";
  for (const name of Object.keys(USUAL_OUTPUT)) if (own.includes(name) && name.length > best.length) best = name;
  return Math.min(USUAL_OUTPUT[best] ?? OTHERWISE, maxOutputTokens);
}
