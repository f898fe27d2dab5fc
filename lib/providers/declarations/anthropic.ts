import type { ProviderDeclaration } from "../provider-declaration.ts";

export const anthropic: ProviderDeclaration = {
  id: "anthropic",
  name: "Anthropic",
  baseUrl: "https://api.anthropic.com/v1",
  apiKeyVariable: "ANTHROPIC_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "pdf"],
  wire: "anthropic",
};
