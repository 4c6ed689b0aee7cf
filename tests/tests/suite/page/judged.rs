//! What every page must be, at every width: no wider than the screen, and readable.

use chatledger_tests::Browser;

use super::served::Served;

/// Nothing reaches beyond the screen or its card, folded or unfolded.
pub(super) async fn assert_no_overflow(browser: &Browser, path: &str, width: u32) {
    // Once as it comes, once with everything unfolded.
    for unfold in ["", "for (const d of document.querySelectorAll('details')) d.open = true;"] {
        let script = format!(
            "{unfold} const wide = [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && \
             !e.closest('.scroll, .visually-hidden, .skip') && e.getBoundingClientRect().right > innerWidth + 1) \
             .map(e => e.outerHTML.slice(0, 120)); \
             return [document.documentElement.scrollWidth, innerWidth, wide];"
        );
        let found = browser.run(&script).await;
        assert_eq!(found[1], width, "{path}");
        assert!(found[0].as_u64() <= found[1].as_u64(), "{path} scrolls sideways at {width}: {found}");
        assert_eq!(found[2], serde_json::json!([]), "{path} at {width}");
        let beyond = "return [...document.querySelectorAll('.card')].filter(c => !c.querySelector('.scroll') && \
                      c.scrollWidth > c.clientWidth).map(c => c.id);";
        assert_eq!(
            browser.run(beyond).await,
            serde_json::json!([]),
            "cards of {path} hold their tables at {width}"
        );
    }
}

/// Contrast of all texts against what is behind them (WCAG 2.1, 1.4.3), headers of all tables, one heading.
pub(super) async fn assert_readable(browser: &Browser, served: &Served, width: u32) {
    browser.open(&served.url("/")).await;
    assert_legible(browser, width, 100).await;
}

/// The same of whatever page is open, which has more than so many texts.
pub(super) async fn assert_legible(browser: &Browser, width: u32, texts: u64) {
    let script = r"
        const rgb = (text) => text.match(/[\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
        const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] !== 0) return c; } return [255, 255, 255]; };
        const wrong = [];
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        let texts = 0;
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const e = node.parentElement, style = getComputedStyle(e);
            if (!node.data.trim() || e.closest('.visually-hidden, .skip, noscript, svg') || !e.checkVisibility()) continue;
            texts += 1;
            const [a, b] = [light(rgb(style.color)), light(ground(e))];
            const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (contrast < 4.5) wrong.push([contrast, node.data]);
        }
        const bare = [...document.querySelectorAll('table')].filter(t => !t.querySelector('th[scope=col]')).length;
        const unnamed = [...document.querySelectorAll('svg.chart')].filter(s => !s.getAttribute('aria-label')).length;
        const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
        const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
        const dangling = [...document.querySelectorAll('[aria-labelledby]')].filter(e => !document.getElementById(e.getAttribute('aria-labelledby'))).length;
        return { wrong, bare, unnamed, twice, dangling, texts, headings: document.querySelectorAll('h1').length, mains: document.querySelectorAll('main').length };";
    let found = browser.run(script).await;
    assert!(found["texts"].as_u64() > Some(texts), "{found}");
    for (what, expected) in [("wrong", serde_json::json!([])), ("twice", serde_json::json!([]))] {
        assert_eq!(found[what], expected, "{what} at {width}");
    }
    let counts = ["bare", "unnamed", "dangling", "headings", "mains"].map(|what| found[what].as_u64());
    assert_eq!(counts, [0, 0, 0, 1, 1].map(Some), "{found}");
}
