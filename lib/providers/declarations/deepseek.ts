import type { ProviderDeclaration } from "../provider-declaration.ts";

export const deepSeek: ProviderDeclaration = {
  id: "deepseek",
  name: "DeepSeek",
  baseUrl: "https://api.deepseek.com/v1",
  apiKeyVariable: "DEEPSEEK_API_KEY",
  capabilities: ["chat", "streaming", "tools", "json"],
  // Wants its thoughts back within a tool loop: api-docs.deepseek.com/guides/thinking_mode (read 2026-11-24)
  understands: ["reasoning_content"],
  // Its key goes into x-api-key there: api-docs.deepseek.com/guides/anthropic_api (read 2026-11-25)
  alsoSpeaks: { anthropic: "https://api.deepseek.com/anthropic/v1" },
  modelQuirks: [
    // An error on these: api-docs.deepseek.com/guides/reasoning_model (read 2026-11-25)
    { models: /reasoner/, drop: ["logprobs", "top_logprobs"] },
  ],
  rename: { max_completion_tokens: "max_tokens" },
};
