// JSON as text. `JSON.parse` would round numbers beyond 2^53, which smartctl prints.

/** smartctl's JSON within the text of a drive's document, where it is the last member; null if there is none. */
export function smartctlJsonOf(documentText) {
  const member = ',"smartctl":';
  const start = documentText.indexOf(`${member}{`);
  return start < 0 ? null : documentText.slice(start + member.length, -1);
}

/** A string, an empty list or object, a bracket or separator, or blanks. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[{]\s*[\]}]|[[{\]},:]|\s+/g;

/** The same JSON with a line for each member. */
export function indentJson(json) {
  let depth = 0;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  const indentToken = (token) => {
    switch (token) {
      case '{':
      case '[':
        depth += 1;
        return token + newLine();
      case '}':
      case ']':
        depth -= 1;
        return newLine() + token;
      case ',':
        return token + newLine();
      case ':':
        return ': ';
      default:
        return token.startsWith('"') ? token : token.replace(/\s+/g, '');
    }
  };
  return json.replace(TOKEN, indentToken);
}
