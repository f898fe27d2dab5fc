import type { ProviderDeclaration } from "../provider-declaration.ts";

export const nebius: ProviderDeclaration = {
  id: "nebius",
  name: "Nebius Token Factory",
  baseUrl: "https://api.tokenfactory.nebius.com/v1",
  apiKeyVariable: "NEBIUS_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings", "images"],
};
