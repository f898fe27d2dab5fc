import type { ProviderDeclaration } from "../provider-declaration.ts";

export const fireworks: ProviderDeclaration = {
  id: "fireworks",
  name: "Fireworks AI",
  aliases: ["fireworks_ai"],
  baseUrl: "https://api.fireworks.ai/inference/v1",
  apiKeyVariable: "FIREWORKS_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings", "rerank"],
  // docs.fireworks.ai/tools-sdks/anthropic-compatibility (read 2026-11-25)
  alsoSpeaks: { anthropic: null, completions: null },
  authorization: "bearer",
  stripFromReply: ["perf_metrics"],
  // docs.fireworks.ai/guides/security_compliance/secure_training and /data_handling (read 2026-11-25)
  trainsOnPrompts: false,
  zeroDataRetention: true,
};
