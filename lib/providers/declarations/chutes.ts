import type { ProviderDeclaration } from "../provider-declaration.ts";

export const chutes: ProviderDeclaration = {
  id: "chutes",
  name: "Chutes",
  baseUrl: "https://llm.chutes.ai/v1",
  apiKeyVariable: "CHUTES_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json"],
  firstTokenTimeoutMs: 60_000,
};
