import type { ProviderDeclaration } from "../provider-declaration.ts";

export const ollama: ProviderDeclaration = {
  id: "ollama",
  name: "Ollama",
  baseUrl: "http://127.0.0.1:11434/v1",
  apiKeyVariable: null,
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings"],
  // The operator's own machine.
  trainsOnPrompts: false,
  zeroDataRetention: true,
  acceptsAnyModel: true,
  // A model that is not in memory is loaded first.
  firstTokenTimeoutMs: 300_000,
};
