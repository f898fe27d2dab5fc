import type { ProviderDeclaration } from "../provider-declaration.ts";

export const cohere: ProviderDeclaration = {
  id: "cohere",
  name: "Cohere",
  baseUrl: "https://api.cohere.com/v2",
  apiKeyVariable: "COHERE_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "rerank"],
  wire: "cohere",
};
