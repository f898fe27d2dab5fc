import type { ProviderDeclaration } from "../provider-declaration.ts";

export const helicone: ProviderDeclaration = {
  id: "helicone",
  name: "Helicone AI Gateway",
  baseUrl: "https://ai-gateway.helicone.ai/v1",
  apiKeyVariable: "HELICONE_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "images"],
};
