import type { ProviderDeclaration } from "../provider-declaration.ts";

/** Has no public address: takes part where SOUNDSGOOD_BASE_URL says where it is. */
export const soundsgood: ProviderDeclaration = {
  id: "soundsgood",
  name: "Soundsgood",
  baseUrl: null,
  apiKeyVariable: "SOUNDSGOOD_API_KEY",
  capabilities: ["chat", "streaming"],
};
