import type { ProviderDeclaration } from "../provider-declaration.ts";

export const fireworks: ProviderDeclaration = {
  id: "fireworks",
  name: "Fireworks AI",
  baseUrl: "https://api.fireworks.ai/inference/v1",
  apiKeyVariable: "FIREWORKS_API_KEY",
  // docs.fireworks.ai/guides/security_compliance/secure_training and /data_handling (read 2026-11-25)
  trainsOnPrompts: false,
  zeroDataRetention: true,
};
