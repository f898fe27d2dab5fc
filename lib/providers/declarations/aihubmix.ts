import type { ProviderDeclaration } from "../provider-declaration.ts";

export const aiHubMix: ProviderDeclaration = {
  id: "aihubmix",
  name: "AiHubMix",
  baseUrl: "https://aihubmix.com/v1",
  apiKeyVariable: "AIHUBMIX_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json"],
  headersFrom: { "app-code": "AIHUBMIX_APP_CODE" },
};
