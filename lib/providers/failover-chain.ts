/** The order of failover, most reliable first (CM-5.1.1, CM-5.1.2); providers outside of it follow by price. */
export const FAILOVER_CHAIN: readonly string[] = [
  "onerouter",
  "openai",
  "anthropic",
  "google-vertex",
  "openrouter",
  "cerebras",
  "huggingface",
  "featherless",
  "vercel-ai-gateway",
  "aihubmix",
  "anannas",
  "alibaba-cloud",
  "fireworks",
  "together",
];

/** Who sells its own models here: asked first. */
const OWN_PROVIDER: Readonly<Record<string, string>> = {
  openai: "openai",
  anthropic: "anthropic",
  google: "google-ai-studio",
  deepseek: "deepseek",
  mistralai: "mistral",
  "x-ai": "xai",
};

/** Closed models of these vendors go to their vendor and to OpenRouter, to nobody else (CM-5.2.1, CM-5.2.2). */
const RESTRICTED_VENDORS: ReadonlySet<string> = new Set(["openai", "anthropic"]);
const RESTRICTED_FALLBACK = "openrouter";

/** True when `provider` may serve a model of `vendor`; open weights may go anywhere they are offered (CM-5.2.3). */
export function mayServe(provider: string, vendor: string, openWeights: boolean): boolean {
  if (openWeights || !RESTRICTED_VENDORS.has(vendor)) return true;
  return provider === OWN_PROVIDER[vendor] || provider === RESTRICTED_FALLBACK;
}

/** Where a provider stands for a model of `vendor`: its own first, then the chain, then the others. Lower is earlier. */
export function chainPosition(provider: string, vendor: string): number {
  if (OWN_PROVIDER[vendor] === provider) return -1;
  const position = FAILOVER_CHAIN.indexOf(provider);
  return position < 0 ? FAILOVER_CHAIN.length : position;
}
