import type { ProviderDeclaration } from "../provider-declaration.ts";

export const cerebras: ProviderDeclaration = {
  id: "cerebras",
  name: "Cerebras",
  baseUrl: "https://api.cerebras.ai/v1",
  apiKeyVariable: "CEREBRAS_API_KEY",
  capabilities: ["chat", "streaming", "tools", "json"],
  // 400 on these: inference-docs.cerebras.ai/resources/openai (read 2026-11-23)
  drop: ["frequency_penalty", "logit_bias", "presence_penalty", "service_tier"],
  stripFromReply: ["time_info"],
};
