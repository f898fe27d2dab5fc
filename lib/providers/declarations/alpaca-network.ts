import type { ProviderDeclaration } from "../provider-declaration.ts";

/** A single deployment whose address has changed before: takes part where ALPACA_NETWORK_BASE_URL says where it is. */
export const alpacaNetwork: ProviderDeclaration = {
  id: "alpaca-network",
  name: "Alpaca Network",
  aliases: ["alpaca"],
  baseUrl: null,
  apiKeyVariable: "ALPACA_NETWORK_API_KEY",
  capabilities: ["chat", "streaming"],
};
