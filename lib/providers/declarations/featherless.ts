import type { ProviderDeclaration } from "../provider-declaration.ts";

export const featherless: ProviderDeclaration = {
  id: "featherless",
  name: "Featherless AI",
  baseUrl: "https://api.featherless.ai/v1",
  apiKeyVariable: "FEATHERLESS_API_KEY",
  capabilities: ["chat", "streaming"],
  // Knows the older name only: litellm, llms/featherless_ai/chat/transformation.py (read 2026-11-25)
  rename: { max_completion_tokens: "max_tokens" },
  firstTokenTimeoutMs: 60_000,
};
