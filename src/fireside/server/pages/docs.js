// Draws /openapi.json as a page. Everything in it is put in as text, never as HTML.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const DEEPEST = 4;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

const code = (text) => element("code", { textContent: text });

class Reference {
  constructor(document_) {
    this.schemas = document_.components?.schemas ?? {};
  }

  named(schema) {
    const name = schema?.$ref?.split("/").pop();
    return name ? { name, schema: this.schemas[name] ?? {} } : { name: null, schema: schema ?? {} };
  }

  // A schema in a few words: `string`, `array of Message`, `"user" or "system"`.
  kind(given) {
    const { name, schema } = this.named(given);
    if (name) return name;
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return choices.map((choice) => this.kind(choice)).join(" or ");
    if (schema.type === "array") {
      const items = schema.items && schema.items !== true ? schema.items : schema.prefixItems?.[0];
      return items ? `array of ${this.kind(items)}` : "array";
    }
    return Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "anything");
  }

  limits(schema) {
    const words = {
      minimum: "at least", maximum: "at most", exclusiveMinimum: "more than", exclusiveMaximum: "less than",
      minLength: "characters, at least", maxLength: "characters, at most",
      minItems: "items, at least", maxItems: "items, at most", pattern: "pattern",
    };
    const said = Object.entries(words)
      .filter(([key]) => schema[key] !== undefined)
      .map(([key, word]) => `${word} ${schema[key]}`);
    if (schema.default !== undefined) said.push(`default ${JSON.stringify(schema.default)}`);
    return said.join("; ");
  }

  // The schemas that a schema names, directly or in its choices and items.
  within(given) {
    const { name, schema } = this.named(given);
    if (name) return [name];
    const inner = [...(schema.anyOf ?? schema.oneOf ?? []), ...(schema.prefixItems ?? [])];
    if (schema.items && schema.items !== true) inner.push(schema.items);
    if (typeof schema.additionalProperties === "object") inner.push(schema.additionalProperties);
    return [...new Set(inner.flatMap((one) => this.within(one)))];
  }

  draw(given, seen = []) {
    const { name, schema } = this.named(given);
    const box = element("div");
    const heading = name && !seen.length ? name : schema.properties ? "" : this.kind(given);
    if (heading) box.append(element("p", { className: "soft" }, code(heading)));
    if (schema.description) box.append(element("p", { className: "says", textContent: schema.description }));
    const path = name ? [...seen, name] : seen;
    if (schema.properties) box.append(this.fields(schema));
    const inner = schema.properties
      ? [...new Set(Object.values(schema.properties).flatMap((field) => this.within(field)))]
      : this.within(name ? schema : given);
    for (const one of inner) box.append(this.fold(one, path));
    return box;
  }

  fields(schema) {
    const required = new Set(schema.required ?? []);
    const rows = Object.entries(schema.properties).map(([field, given]) =>
      element("tr", {},
        element("td", {}, code(field), required.has(field) ? "" : element("span", { className: "soft", textContent: " optional" })),
        element("td", { textContent: this.kind(given) }),
        element("td", { textContent: [given.description, this.limits(given)].filter(Boolean).join("; ") })));
    return table(["field", "type", "meaning"], rows);
  }

  // A named schema that opens on demand; what is inside is drawn only then.
  fold(name, path) {
    const again = path.includes(name) || path.length >= DEEPEST;
    if (again) return element("p", { className: "soft" }, `${name}: as above`);
    const folded = element("details", {}, element("summary", { textContent: name }));
    folded.append(this.draw({ $ref: `#/components/schemas/${name}` }, path));
    return folded;
  }

  route(path, method, operation) {
    const identity = `${method}${path}`.replace(/[^\w]+/g, "-");
    const title = element("a", { href: `#${identity}` },
      element("span", { className: "method", textContent: method.toUpperCase() }), ` ${path}`);
    const made = element("article", { id: identity }, element("h3", {}, title));
    const says = operation.description ?? operation.summary;
    if (says) made.append(element("p", { className: "says", textContent: says }));
    if (operation.parameters?.length) made.append(element("h4", { textContent: "Parameters" }), this.parameters(operation.parameters));
    for (const [kind, content] of Object.entries(operation.requestBody?.content ?? {})) {
      made.append(element("h4", { textContent: `Body (${kind})` }), this.draw(content.schema));
    }
    for (const [status, response] of Object.entries(operation.responses ?? {})) {
      made.append(...this.answer(status, response));
    }
    return made;
  }

  parameters(parameters) {
    const rows = parameters.map((one) =>
      element("tr", {},
        element("td", {}, code(one.name), one.required ? "" : element("span", { className: "soft", textContent: " optional" })),
        element("td", { textContent: `${one.in}: ${this.kind(one.schema)}` }),
        element("td", { textContent: [one.description, this.limits(one.schema ?? {})].filter(Boolean).join("; ") })));
    return table(["name", "type", "meaning"], rows);
  }

  answer(status, response) {
    const contents = Object.entries(response.content ?? {});
    if (status === "4XX" || status === "422") {
      const names = contents.map(([, content]) => this.kind(content.schema)).join(", ");
      return [element("p", { className: "soft", textContent: `${status}: ${response.description} (${names})` })];
    }
    const heading = element("h4", { textContent: `Answer ${status}` });
    if (!contents.length) return [heading, element("p", { className: "soft", textContent: response.description })];
    return [heading, ...contents.flatMap(([kind, content]) => [
      ...(kind === "application/json" ? [] : [element("p", { className: "soft", textContent: kind })]),
      this.draw(content.schema),
    ])];
  }
}

function table(names, rows) {
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col", textContent: name })));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function draw(described) {
  const reference = new Reference(described);
  const main = document.getElementById("routes");
  const contents = document.getElementById("contents");
  const rooms = new Map();
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const method of METHODS.filter((one) => methods[one])) {
      const room = methods[method].tags?.[0] ?? "other";
      rooms.set(room, [...(rooms.get(room) ?? []), reference.route(path, method, methods[method])]);
    }
  }
  main.replaceChildren();
  for (const [room, routes] of rooms) {
    const links = routes.map((route) => {
      const link = element("a", { href: `#${route.id}`, textContent: route.querySelector("h3").textContent });
      return element("li", {}, link);
    });
    contents.append(element("section", {}, element("h3", { textContent: room }), element("ul", {}, ...links)));
    main.append(element("section", {}, element("h2", { textContent: room }), ...routes));
  }
  document.getElementById("version").textContent = described.info.version;
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function find(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const route of document.querySelectorAll("article")) {
    const text = route.textContent.toLowerCase();
    route.hidden = !wanted.every((word) => text.includes(word));
    const link = document.querySelector(`nav a[href="#${route.id}"]`);
    if (link) link.parentElement.hidden = route.hidden;
  }
  for (const section of document.querySelectorAll("main section, nav section")) {
    section.hidden = ![...section.querySelectorAll("article, li")].some((one) => !one.hidden);
  }
}

async function begin() {
  const state = document.getElementById("state");
  const answer = await fetch("/openapi.json", { headers: { accept: "application/json" } });
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    state.textContent = `${said.error?.message ?? `status ${answer.status}`}. Enter a key at the start page first.`;
    return;
  }
  draw(await answer.json());
  const search = document.getElementById("search");
  search.addEventListener("input", () => find(search.value));
}

begin().catch((error) => {
  document.getElementById("state").textContent = `The reference can't be shown: ${error.message}`;
});
