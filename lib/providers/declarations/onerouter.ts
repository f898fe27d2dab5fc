import type { ProviderDeclaration } from "../provider-declaration.ts";

export const oneRouter: ProviderDeclaration = {
  id: "onerouter",
  name: "Infron AI (formerly OneRouter)",
  baseUrl: "https://llm.infron.ai/v1",
  apiKeyVariable: "ONEROUTER_API_KEY",
  capabilities: ["chat", "streaming", "vision"],
};
