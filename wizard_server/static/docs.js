// Shows the description that lies beside the page. Nothing is asked of another host, and the token stays in the page.
"use strict";

SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  docExpansion: "list",
});
