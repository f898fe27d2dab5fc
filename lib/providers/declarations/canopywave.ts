import type { ProviderDeclaration } from "../provider-declaration.ts";

export const canopyWave: ProviderDeclaration = {
  id: "canopywave",
  name: "Canopy Wave",
  baseUrl: "https://inference.canopywave.io/v1",
  apiKeyVariable: "CANOPYWAVE_API_KEY",
  capabilities: ["chat", "streaming"],
};
