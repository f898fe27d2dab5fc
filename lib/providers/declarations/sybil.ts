import type { ProviderDeclaration } from "../provider-declaration.ts";

export const sybil: ProviderDeclaration = {
  id: "sybil",
  name: "Sybil",
  baseUrl: "https://api.sybil.com/v1",
  apiKeyVariable: "SYBIL_API_KEY",
  capabilities: ["chat", "streaming"],
};
