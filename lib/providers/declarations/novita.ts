import type { ProviderDeclaration } from "../provider-declaration.ts";

export const novita: ProviderDeclaration = {
  id: "novita",
  name: "Novita AI",
  baseUrl: "https://api.novita.ai/v3/openai",
  apiKeyVariable: "NOVITA_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json"],
};
