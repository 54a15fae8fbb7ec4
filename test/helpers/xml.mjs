/**
 * A strict reading of XML, enough to tell whether a browser's XML parser would take a text: elements that
 * nest, quoted attributes without `<`, the five entities and character references, no control characters.
 */

const TOKEN = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>|([^<]+)|</gy;
const ATTRIBUTE = /([\w:-]+)="([^"]*)"/g;
const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };

function decode(text) {
  return text.replace(/&[^;]*;?/g, entity => {
    if (!(entity in ENTITIES)) throw new Error(`not an entity: ${entity}`);
    return ENTITIES[entity];
  });
}

/** The root element: `{name, attributes, children}`, text as strings. Throws where the text is not XML. */
export function parseXml(text) {
  const bad = text.match(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\uFFFE\uFFFF]/u);
  if (bad) throw new Error(`not a character: ${bad[0].codePointAt(0)}`);
  const root = { name: '', attributes: {}, children: [] };
  const open = [root];
  for (const [token, end, name, attributes, empty, content] of text.matchAll(TOKEN)) {
    const parent = open.at(-1);
    if (token === '<') throw new Error(`not a tag in ${parent.name}`);
    if (content !== undefined) parent.children.push(decode(content));
    else if (end) {
      if (open.pop().name !== name) throw new Error(`</${name}> does not close ${parent.name}`);
    } else {
      const pairs = [...attributes.matchAll(ATTRIBUTE)].map(([, key, value]) => [key, decode(value)]);
      const element = { name, attributes: Object.fromEntries(pairs), children: [] };
      if (pairs.length !== Object.keys(element.attributes).length) throw new Error(`twice in ${name}`);
      parent.children.push(element);
      if (!empty) open.push(element);
    }
  }
  if (open.length !== 1 || root.children.length !== 1 || typeof root.children[0] === 'string')
    throw new Error('not one element');
  return root.children[0];
}

/** All elements of a name, in document order. */
export function elements(element, name) {
  const inner = element.children.filter(child => typeof child !== 'string');
  return inner.flatMap(child => [...(child.name === name ? [child] : []), ...elements(child, name)]);
}

/** The text of an element. */
export function textOf(element) {
  return element.children.map(child => (typeof child === 'string' ? child : textOf(child))).join('');
}
