import type { ProviderDeclaration } from "../provider-declaration.ts";

export const mistral: ProviderDeclaration = {
  id: "mistral",
  name: "Mistral AI",
  baseUrl: "https://api.mistral.ai/v1",
  apiKeyVariable: "MISTRAL_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings"],
  // Names of its own, and 422 on fields it does not know: docs.mistral.ai/api (read 2026-11-23)
  rename: { max_completion_tokens: "max_tokens", seed: "random_seed" },
  drop: ["logit_bias", "logprobs", "service_tier", "top_k", "top_logprobs", "user"],
  // Tool calls without an index, thoughts as lists in `content`: docs.mistral.ai/capabilities/reasoning (read 2026-11-24)
  translatesReplies: true,
  // Sends usage on the last chunk unasked, and refuses the option.
  streamUsageOption: false,
};
