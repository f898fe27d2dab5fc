import type { ProviderDeclaration } from "../provider-declaration.ts";

export const meta: ProviderDeclaration = {
  id: "meta",
  name: "Meta Model API",
  baseUrl: "https://api.meta.ai/v1",
  apiKeyVariable: "META_API_KEY",
  capabilities: ["chat", "streaming"],
};
