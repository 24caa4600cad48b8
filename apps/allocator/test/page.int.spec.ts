import { existsSync } from 'node:fs';
import { createPool, PostgresEventStore } from '@ipledger/event-store';
import { LogTail } from '@ipledger/messaging';
import { createLogger } from '@ipledger/runtime';
import { IdentityProvider, useFreshDatabase } from '@ipledger/testing';
import { Stats } from '@ipledger/observability';
import { Projector, ViewsReader } from '@ipledger/views';
import type pg from 'pg';
import { chromium, type Browser, type Page } from 'playwright-core';
import { TestAccessFile, tokenOf } from './access-file.js';
import { allocated, append, joined, poolOf, ref } from './lb-facts.js';
import { startServer, type TestServer } from './start.js';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => existsSync(file));
const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
if (executablePath === undefined) console.warn('skipped, no Chromium: the tests of the page (Debian has it as chromium)');

/** The page in a real browser, over the real server with its views. */
describe.skipIf(executablePath === undefined)('the page', () => {
  const database = useFreshDatabase();
  let browser: Browser;
  let pool: pg.Pool;
  let server: TestServer;
  let projector: Projector;
  let tail: LogTail;
  const complaints: string[] = [];
  beforeAll(async () => {
    pool = createPool({ url: database.url, max: 6 });
    const store = new PostgresEventStore({ url: database.url, max: 6 });
    const views = new ViewsReader(pool);
    const logger = createLogger({ level: 'error', format: 'json' });
    projector = new Projector({ pool, viewsUrl: database.url, store, logger, onApplied: () => views.hint() });
    await projector.start();
    tail = new LogTail({ store, positionOf: (name) => projector.positionOf(name), onFailure: () => undefined });
    void tail.run((batch) => projector.take(batch));
    server = await startServer(store, {}, undefined, { views, stats: new Stats(pool), onCommit: () => tail.hint() });
    browser = await chromium.launch({ executablePath: executablePath!, args: quiet });
  });
  afterAll(async () => {
    await browser.close();
    await tail.stop();
    await projector.stop();
    await server.close();
    await server.store.close();
    await pool.end();
    expect(complaints).toEqual([]);
  });

  /** What the browser complains of, a violation of the content policy for one, fails the suite at its end. */
  const open = async (hash = '', options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1200, height: 800 }, ...options });
    page.on('pageerror', (error) => complaints.push(String(error)));
    // Whom an address search asks may not know the address: the browser notes that 404, the page expects it.
    page.on('console', (message) => { if (message.type() === 'error' && !/\/addresses\/[^/]+$/.test(message.location().url)) complaints.push(message.text()); });
    await page.goto(`${server.url}/#${hash}`);
    return page;
  };
  const create = async (name: string, clusterIP?: string, namespace = 'default') => {
    const answer = await server.send('POST', server.services('blue', namespace), { metadata: { name }, spec: { ipFamilyPolicy: 'PreferDualStack', ports: [{ port: 80 }], ...(clusterIP && { clusterIP }) } });
    expect(answer.status).toBe(201);
    return answer.json as { spec: { clusterIPs: string[] } };
  };

  it('says what to type when there is no cluster, then shows the one that was registered', async () => {
    const page = await open();
    await page.getByRole('heading', { name: 'No cluster yet' }).waitFor();
    expect(await page.locator('pre').innerText()).toContain(`curl -s ${server.url}/v1/clusters`);
    await server.register('blue', ['10.0.0.0/24', 'fd00::/64']);
    await page.getByRole('link', { name: 'blue', exact: true }).waitFor({ timeout: 20_000 });
    await page.getByRole('link', { name: 'fd00::/64' }).waitFor();
    await page.close();
  });

  it('shows use and forecast of each pool as a bar that says itself in words', async () => {
    await create('web', '10.0.0.9');
    const page = await open('/clusters/blue');
    const bar = page.getByRole('img').first();
    await expect.poll(() => bar.getAttribute('aria-label'), { timeout: 20_000 }).toMatch(/^2 held in the static band; 252 free$/);
    expect(await page.locator('.pool').first().innerText()).toContain('2 held, 252 of 254 free');
    await page.close();
  });

  it('raises no alarm over a pool that drains, and says what is left in it', async () => {
    await server.register('moving', ['10.1.0.0/24', '10.2.0.0/24']);
    for (const cidr of ['10.1.0.0/24', '10.2.0.0/24']) expect((await server.send('POST', '/v1/clusters/moving/cidrs:drain', { cidr })).status).toBe(200);
    const page = await open('/clusters/moving');
    const [held, empty] = [page.locator('.pool', { hasText: '10.1.0.0/24' }), page.locator('.pool', { hasText: '10.2.0.0/24' })];
    await expect.poll(() => held.innerText(), { timeout: 20_000 }).toMatch(/draining\s+0\.4 %\s+1 of 254 held, nothing more is handed out$/);
    await expect.poll(() => empty.innerText(), { timeout: 20_000 }).toMatch(/draining\s+0 %\s+nothing is held, it can be removed$/);
    expect(await page.locator('.bar:not(.calm), .share:not(.calm)').count()).toBe(0);
    await page.close();
    expect((await server.send('DELETE', '/v1/clusters/moving')).status).toBe(200);
  });

  it('shows events as they happen, newest first', async () => {
    const page = await open('/clusters/blue');
    await page.locator('.events li', { hasText: '10.0.0.9' }).waitFor();
    await create('live', '10.0.0.10');
    await page.locator('.events li', { hasText: '10.0.0.10' }).first().waitFor();
    const revisions = await page.locator('.events .revision').allInnerTexts();
    expect(revisions.map(Number)).toEqual(revisions.map(Number).toSorted((a, b) => b - a));
    await page.close();
  });

  it('maps a pool of 2^64 and leads into it, cell by cell, to who holds an address', async () => {
    await create('deep');
    const page = await open('/clusters/blue/pools/fd00%3A%3A%2F64');
    for (let step = 0; step < 12 && !/search/.test(page.url()); step++) {
      const cell = page.locator('.cell:not(.l0)').last();
      await cell.waitFor();
      const before = page.url();
      await cell.click();
      await page.waitForURL((url) => url.href !== before);
    }
    await page.getByText(/is held by/).waitFor();
    expect(await page.locator('main').innerText()).toMatch(/^fd00::[0-9a-f:]* is held by default\/\w+ since/m);
    await page.close();
  });

  describe('LB pools', () => {
    const range = '203.0.113.10-203.0.113.10';
    const loadBalancer = async (name: string) => {
      const spec = { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', ipFamilyPolicy: 'SingleStack', ports: [{ port: 80 }] };
      expect((await server.send('POST', server.services('blue', 'shop'), { metadata: { name }, spec })).status).toBe(201);
    };
    beforeAll(async () => {
      await append(server.store, 'blue', [poolOf('edge', [range])]);
      await append(server.store, 'lb-pool:wide', [poolOf('wide', ['198.51.100.0/31'], { clusters: ['green'] })]);
      await append(server.store, 'lb-pool:wide', [allocated('wide', '198.51.100.1', '198.51.100.0/31', ref('far'), 'green'), joined('wide', '198.51.100.1', ref('far'), null, 'green')]);
      await loadBalancer('first');
      await loadBalancer('second');
    });

    it('are bars beside the Service CIDRs, shared ones in a section of their own', async () => {
      const page = await open();
      const own = page.getByRole('region', { name: 'Cluster blue' }).locator('.pool', { hasText: range });
      await expect.poll(() => own.innerText(), { timeout: 20_000 }).toContain('1 held, 0 of 1 free');
      expect(await page.locator('.pool').first().innerText()).toContain('10.0.0.0/24');
      expect(await page.getByRole('region', { name: 'Shared pool wide' }).innerText()).toContain('1 held, 1 of 2 free');
      await page.close();
    });

    it('show who waits, and why', async () => {
      const page = await open('/clusters/blue');
      const waiting = page.getByRole('region', { name: 'Waiting Services' });
      await waiting.waitFor({ timeout: 20_000 });
      expect(await waiting.innerText()).toMatch(/shop\/second\s+IPv4\s+the pools that serve it are full/);
      await waiting.getByRole('link').click();
      await page.getByText(/Waits for a load balancer address:/).waitFor();
      await page.close();
    });

    it('lead from a bar over the map to who has an address', async () => {
      const page = await open();
      await page.getByRole('link', { name: range }).click();
      await page.locator('.cell.l6').click();
      await page.getByText(/is held by/).waitFor();
      expect(await page.locator('main').innerText()).toMatch(/203\.0\.113\.10 is held by shop\/first since[^]*LB pool edge, 203\.0\.113\.10-203\.0\.113\.10, dynamic band/);
      await page.goto(`${server.url}/#/lb-pools/wide/198.51.100.0%2F31`);
      await page.locator('.cell.l6').waitFor();
      expect(await page.locator('.cell').count()).toBe(2);
      await page.close();
    });

    it('are found by address over all clusters', async () => {
      expect((await (await open('/search/198.51.100.1')).getByRole('region', { name: 'Found in Shared pool wide' }).innerText())).toContain('198.51.100.1 is held by shop/far of green');
    });
  });

  it('marks what is reserved, to the address', async () => {
    expect((await server.send('POST', '/v1/clusters/blue/reservations', { name: 'routers', addresses: '10.0.0.3-10.0.0.6', reason: 'gateways', owner: 'net' })).status).toBe(201);
    const { json: { revision } } = await server.send('GET', '/v1/clusters/blue');
    const map = await server.send('GET', `/v1/clusters/blue/pools/10.0.0.0%2F24/map?minRevision=${revision}&timeout=30s`);
    const cells = map.json.cells as { from: string; reserved: number; allocated: number; band: string }[];
    expect(cells.filter(({ reserved }) => reserved > 0).map(({ from }) => from)).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(cells.filter(({ band }) => band === 'none').map(({ from }) => from)).toEqual(['10.0.0.0', '10.0.0.255']);
    const page = await open('/clusters/blue/pools/10.0.0.0%2F24');
    await page.getByLabel('10.0.0.4: reserved').waitFor();
    await page.close();
    for (const [range, why] of [['from=10.0.1.0', 'is not an address of 10.0.0.0/24'], ['from=10.0.0.9&to=10.0.0.8', 'lies behind to'], ['to=fd00::1', 'is not an address of']])
      expect(await server.send('GET', `/v1/clusters/blue/pools/10.0.0.0%2F24/map?${range}`)).toMatchObject({ status: 400, json: { code: 'invalid_request', detail: expect.stringContaining(why!) as string } });
    expect(await server.send('GET', '/v1/clusters/blue/pools/10.9.0.0%2F24/map')).toMatchObject({ status: 404, json: { code: 'cidr_not_found' } });
  });

  it('finds an address with its history, a Service and a namespace', async () => {
    await create('moved', '10.0.0.12', 'store');
    await server.send('DELETE', `${server.services('blue', 'store')}/moved`);
    await create('heir', '10.0.0.12', 'store');
    const page = await open();
    const box = page.getByRole('searchbox');
    await box.fill('10.0.0.12');
    await box.press('Enter');
    await page.getByText('10.0.0.12 is held by store/heir').waitFor();
    await expect.poll(async () => { await page.reload(); await page.getByText('is held by').waitFor(); return page.locator('tbody tr').count(); }, { timeout: 20_000 }).toBe(2);
    expect(await page.locator('tbody tr').last().innerText()).toMatch(/store\/moved.*deleted/s);
    for (const text of ['heir', 'store/heir', 'store']) {
      await box.fill(text);
      await box.press('Enter');
      await page.getByRole('heading', { name: text, exact: true }).waitFor();
      await page.locator('.found', { hasText: 'store/heir' }).waitFor();
    }
    await box.fill('nothing-like-this');
    await box.press('Enter');
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    await page.close();
  });

  it('keeps what is typed while an earlier search still appears, and shows nothing found for it', async () => {
    const page = await open('/search/store');
    await page.locator('.found', { hasText: 'store/heir' }).waitFor();
    const [typed, found] = await page.evaluate(`new Promise((resolve) => {
      addEventListener('hashchange', () => queueMicrotask(() => queueMicrotask(() => {
        const box = document.querySelector('input[type=search]');
        const found = document.querySelectorAll('.found').length;
        box.value = 'typed at once';
        box.dispatchEvent(new Event('input', { bubbles: true }));
        setTimeout(() => resolve([box.value, found]), 300);
      })), { once: true });
      location.hash = '/search/other';
    })`) as [string, number];
    expect(typed).toBe('typed at once');
    expect(found).toBe(0);
    await page.close();
  });

  it('fits a phone in the dark, and is walked by keyboard alone', async () => {
    const page = await open('', { viewport: { width: 360, height: 700 }, colorScheme: 'dark' });
    await page.locator('.pool').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(18, 22, 29)');
    const walked: string[] = [];
    for (let i = 0; i < 9; i++) {
      await page.keyboard.press('Tab');
      walked.push(await page.evaluate<string>("document.activeElement?.textContent?.trim() ?? ''"));
    }
    expect(walked).toEqual(expect.arrayContaining(['To the content', 'Search', 'API', 'blue', '10.0.0.0/24']));
    await page.close();
  });

  it('asks for a token where one is needed, and keeps it in the tab only', async () => {
    const file = new TestAccessFile({ reader: { role: 'reader' } });
    const guarded = await startServer(undefined, {}, { accessFile: file.path });
    const page = await browser.newPage();
    await page.goto(`${guarded.url}/`);
    await page.getByLabel('Bearer token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Bearer token').fill(tokenOf('reader'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Bearer token').waitFor({ state: 'detached' });
    expect(await page.evaluate('localStorage.length')).toBe(0);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Bearer token').waitFor();
    await page.close();
    await guarded.close();
    file.remove();
  });

  it('signs in at an identity provider and comes back to where it was, with a token that it tells nobody else', async () => {
    const provider = await IdentityProvider.start();
    const file = new TestAccessFile({}, [{ group: 'oidc:ops', role: 'admin' }]);
    const guarded = await startServer(server.store, {}, { accessFile: file.path, oidcIssuer: provider.issuer, oidcAudience: 'ipledger' }, { views: new ViewsReader(pool), stats: new Stats(pool) });
    await guarded.send('POST', '/v1/clusters', { name: 'mine', serviceCIDRs: ['10.0.0.0/24'] }, { authorization: `Bearer ${await provider.token()}` });
    const page = await browser.newPage();
    page.on('pageerror', (error) => complaints.push(String(error)));
    const visited: string[] = [];
    page.on('request', (request) => visited.push(request.url()));
    try {
      await page.goto(`${guarded.url}/#/clusters/mine`);
      const signIn = page.getByRole('button', { name: `Sign in with ${new URL(provider.issuer).host}` });
      await signIn.click();
      await page.getByRole('heading', { name: 'mine' }).waitFor();
      expect(page.url()).toBe(`${guarded.url}/#/clusters/mine`); // no code, no state
      const asked = new URL(visited.find((url) => url.startsWith(`${provider.issuer}/authorize`))!).searchParams;
      expect(Object.fromEntries(asked)).toMatchObject({ response_type: 'code', client_id: 'ipledger', redirect_uri: `${guarded.url}/`, scope: 'openid', code_challenge_method: 'S256' });
      expect(visited.filter((url) => url.startsWith(`${provider.issuer}/token`))).toHaveLength(1);
      expect(visited.filter((url) => url.includes('eyJ'))).toEqual([]); // a token in a URL would be in every log
      expect(await page.evaluate('localStorage.length')).toBe(0);
      expect(provider.refusals).toEqual([]);

      await page.getByRole('button', { name: 'Sign out' }).click();
      await signIn.waitFor();
      // An answer to another request than this tab sent: a link that somebody was made to follow.
      await page.evaluate("sessionStorage.setItem('ipledger-oidc', JSON.stringify({ state: 'other', verifier: 'v', issuer: 'i', clientId: 'c', hash: '' }))");
      await page.goto(`${guarded.url}/?code=stolen&state=forged`);
      await page.getByText('The identity provider answered another request. Sign in again.').waitFor();
      expect(visited.filter((url) => url.startsWith(`${provider.issuer}/token`))).toHaveLength(1);

      provider.isDown = true;
      await page.goto(`${guarded.url}/`);
      await signIn.click();
      await page.getByText(`The identity provider ${provider.issuer} does not answer this page. Paste a token instead.`).waitFor();
    } finally {
      await page.close();
      await guarded.close();
      await provider.stop();
      file.remove();
    }
  });

  it('loads nothing from elsewhere and may not be framed', async () => {
    const page = await browser.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).origin));
    const answer = await page.goto(`${server.url}/`);
    await page.locator('.pool').first().waitFor();
    expect(new Set(asked.filter((origin) => origin !== 'null'))).toEqual(new Set([server.url]));
    expect(answer?.headers()['content-security-policy']).toMatch(/^default-src 'none'; style-src 'self'; script-src 'self' 'sha256-[^']+'; connect-src 'self'; .*frame-ancestors 'none'$/);
    for (const name of ['..%2fassets.ts', 'index.html', 'nothing.js', '__proto__']) expect((await server.send('GET', `/assets/${name}`)).status).toBe(404);
    await page.close();
  });
});
