import type { ProviderDeclaration } from "../provider-declaration.ts";

export const sambaNova: ProviderDeclaration = {
  id: "sambanova",
  name: "SambaNova",
  baseUrl: "https://api.sambanova.ai/v1",
  apiKeyVariable: "SAMBANOVA_API_KEY",
  capabilities: ["chat"],
};
