import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** Every sentence that the source can print: texts of more than one word, file by file, in the order of the source. */

export function sentences(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return files
    .sort()
    .flatMap((file) => {
      const found = sentencesOf(join(folder, file));
      return found.length === 0 ? [] : [`${file}\n${found.map((one) => `  ${one}\n`).join("")}`];
    })
    .join("\n");
}

function sentencesOf(path: string): string[] {
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    const text = textOf(node);
    if (text === undefined) return ts.forEachChild(node, visit);
    if (isSentence(text)) found.push(text.replaceAll("\n", "\\n"));
    // What stands between the words of a template may hold sentences of its own.
    for (const part of insertedIn(node)) visit(part);
  };
  visit(source);
  return found;
}

/** A text as it is written, with what is inserted by its own source; undefined for what is no text. */
function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    const rest = node.templateSpans.map(({ expression, literal }) => `\${${short(expression)}}${literal.text}`);
    return node.head.text + rest.join("");
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  if (left === undefined && right === undefined) return undefined;
  return (left ?? `\${${short(node.left)}}`) + (right ?? `\${${short(node.right)}}`);
}

function insertedIn(node: ts.Node): readonly ts.Node[] {
  if (ts.isTemplateExpression(node)) return node.templateSpans.map(({ expression }) => expression);
  if (!ts.isBinaryExpression(node)) return [];
  return [node.left, node.right].flatMap((side) => (textOf(side) === undefined ? [side] : insertedIn(side)));
}

function short(node: ts.Node): string {
  const text = node.getText().replaceAll(/\s+/g, " ");
  return text.length > 40 ? "…" : text;
}

function isSentence(text: string): boolean {
  return /[\p{L}\p{N}"'`)}] +[\p{L}"'`($-]/u.test(text);
}
