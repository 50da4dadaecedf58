//! How APIs call what their pages are asked for by, and what answers tell of them: one vocabulary for whatever reads
//! names. All are plain names, as [`plain_name`](super::plain_name) makes them.

/// The names of one thing.
#[derive(Debug)]
pub struct Names {
    /// Those that parameters and fields of answers have alike.
    both: &'static [&'static str],
    /// Those of parameters that are something else in an answer: `first` records, the `top`.
    params: &'static [&'static str],
    /// Those of fields that are something else as a parameter: `from` is a date as a rule.
    fields: &'static [&'static str],
}

/// The number of a page.
pub const PAGE: Names = Names {
    both: &["page", "pagenumber", "pageno", "pageindex", "pagenum", "p"],
    params: &["currentpage"],
    fields: &["currentpage", "number"],
};

/// The number of a page's first record.
pub const OFFSET: Names = Names {
    both: &[
        "offset",
        "skip",
        "start",
        "startat",
        "startindex",
        "firstresult",
        "pageoffset",
        "startrow",
    ],
    params: &["first"],
    fields: &["from"],
};

/// The number of records that a page has at most.
pub const LIMIT: Names = Names {
    both: &[
        "limit",
        "perpage",
        "pagesize",
        "pagelimit",
        "pagelength",
        "maxresults",
        "maxitems",
        "take",
        "itemsperpage",
        "resultsperpage",
        "count",
        "size",
    ],
    params: &["max", "rows", "top", "length", "first"],
    fields: &[],
};

/// A token of the next page.
pub const CURSOR: Names = Names {
    both: &[
        "cursor",
        "pagetoken",
        "nexttoken",
        "nextpagetoken",
        "nextcursor",
        "after",
        "continuationtoken",
        "continuation",
        "marker",
        "nextmarker",
        "bookmark",
        "scrollid",
    ],
    params: &["pagecursor", "startingafter", "sinceid", "afterid", "lastid", "token"],
    fields: &["endcursor", "next"],
};

/// A URL of the next page.
pub const NEXT_LINK: Names = Names {
    both: &[],
    params: &[],
    fields: &[
        "nexturl",
        "nextlink",
        "nextpageurl",
        "nextpagelink",
        "nexthref",
        "nexturi",
        "nextpageuri",
    ],
};

/// The number of pages.
pub const PAGE_COUNT: Names = Names {
    both: &[],
    params: &[],
    fields: &[
        "totalpages",
        "pages",
        "pagecount",
        "totalpagecount",
        "numpages",
        "lastpage",
    ],
};

/// The number of records on all pages.
pub const TOTAL: Names = Names {
    both: &[],
    params: &[],
    fields: &[
        "total",
        "totalcount",
        "totalrecords",
        "totalresults",
        "totalitems",
        "totalelements",
        "totalhits",
        "totalentries",
        "numbermatched",
    ],
};

/// Whether another page follows.
pub const HAS_MORE: Names = Names {
    both: &[],
    params: &[],
    fields: &["hasmore", "hasnext", "hasnextpage", "moreavailable"],
};

impl Names {
    /// Whether a parameter of that name is the thing.
    pub fn is_param(&self, plain: &str) -> bool {
        self.both.contains(&plain) || self.params.contains(&plain)
    }

    /// Whether a field of an answer is.
    pub fn is_field(&self, plain: &str) -> bool {
        self.both.contains(&plain) || self.fields.contains(&plain)
    }

    /// Whether a field of that name is called as the parameter is.
    pub fn is_both(&self, plain: &str) -> bool {
        self.both.contains(&plain)
    }
}
