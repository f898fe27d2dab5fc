import type { ProviderDeclaration } from "../provider-declaration.ts";

/**
 * The demo model `gangway/echo`: answers inside the process by repeating what it is told, so that a newcomer's first call
 * works. Takes part only on the embedded stores and only while no provider is configured.
 */
export const demo = {
  id: "gangway",
  name: "Gangway demo (no model behind it)",
  baseUrl: "http://demo.gangway.invalid/v1",
  apiKeyVariable: null,
  capabilities: ["chat", "streaming"],
  trainsOnPrompts: false,
  zeroDataRetention: true,
  acceptsAnyModel: true,
  listedModels: ["echo"],
} satisfies ProviderDeclaration;
