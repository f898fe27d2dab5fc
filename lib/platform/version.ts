/** The version that /health tells; the package's own (a test holds the two equal). */
export const APP_VERSION = "0.1.0";
