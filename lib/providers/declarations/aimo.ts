import type { ProviderDeclaration } from "../provider-declaration.ts";

export const aimo: ProviderDeclaration = {
  id: "aimo",
  name: "AiMo Network",
  baseUrl: "https://beta.aimo.network/api/v1",
  apiKeyVariable: "AIMO_API_KEY",
  capabilities: ["chat", "streaming"],
};
