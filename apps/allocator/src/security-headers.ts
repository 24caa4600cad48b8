import { createHash } from 'node:crypto';

/** What a page consists of, word for word; nothing else of the kind runs or shows on it. */
export interface PageParts {
  /** The text of each `<style>`. */
  styles: readonly string[];
  /** The text of each inline `<script>`. Scripts under /assets are allowed besides. */
  scripts: readonly string[];
  /** Origins that the page may ask, besides its own: an identity provider. */
  connect: readonly string[];
}

/**
 * Headers for a page: a policy under which nothing from elsewhere loads or runs, no matter what text came into the page, and
 * which no other site can frame.
 */
export const pageHeaders = ({ styles, scripts, connect }: PageParts): Record<string, string> => ({
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'self' ${styles.map(hashSource).join(' ')}`,
    `script-src 'self' ${scripts.map(hashSource).join(' ')}`,
    `connect-src 'self' ${connect.join(' ')}`,
    "img-src 'self' data:",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  ].map((directive) => directive.trimEnd()).join('; '),
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
});

const hashSource = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
