import type { ProviderDeclaration } from "../provider-declaration.ts";

export const fireworks: ProviderDeclaration = {
  id: "fireworks",
  name: "Fireworks AI",
  baseUrl: "https://api.fireworks.ai/inference/v1",
  apiKeyVariable: "FIREWORKS_API_KEY",
  capabilities: ["chat", "embeddings", "rerank"],
};
