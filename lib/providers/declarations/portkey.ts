import type { ProviderDeclaration } from "../provider-declaration.ts";

export const portkey: ProviderDeclaration = {
  id: "portkey",
  name: "Portkey",
  baseUrl: "https://api.portkey.ai/v1",
  apiKeyVariable: "PORTKEY_API_KEY",
  capabilities: ["chat", "streaming", "images"],
  // portkey.ai/docs/welcome/integration-guides/openai (read 2026-11-25)
  authorization: "x-portkey-api-key",
};
