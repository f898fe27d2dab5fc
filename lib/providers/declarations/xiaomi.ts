import type { ProviderDeclaration } from "../provider-declaration.ts";

export const xiaomi: ProviderDeclaration = {
  id: "xiaomi",
  name: "Xiaomi MiMo",
  baseUrl: "https://api.xiaomimimo.com/v1",
  apiKeyVariable: "XIAOMI_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision"],
  alsoKeyVariables: ["MIMO_API_KEY"],
  // platform.xiaomimimo.com/docs/en-US/api/chat/anthropic-api (read 2026-11-25)
  alsoSpeaks: { anthropic: "https://api.xiaomimimo.com/anthropic/v1" },
  authorization: "bearer",
};
