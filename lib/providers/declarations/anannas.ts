import type { ProviderDeclaration } from "../provider-declaration.ts";

export const anannas: ProviderDeclaration = {
  id: "anannas",
  name: "Anannas",
  baseUrl: "https://api.anannas.ai/v1",
  apiKeyVariable: "ANANNAS_API_KEY",
  capabilities: ["chat", "streaming"],
};
