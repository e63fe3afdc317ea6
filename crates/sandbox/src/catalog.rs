//! The six products of the demo shop.

/// A product of the demo shop.
pub(super) struct Product {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) cents: u32,
    pub(super) blurb: &'static str,
    /// Hue of its drawing, in degrees.
    pub(super) hue: u16,
}

/// All products.
pub(super) const PRODUCTS: [Product; 6] = [
    Product {
        id: "tandem-bordeaux",
        name: "Bordeaux tandem",
        cents: 249_900,
        blurb: "Two saddles, one rhythm: steel frame, belt drive, bags for a week.",
        hue: 345,
    },
    Product {
        id: "bell-brass",
        name: "Brass bell",
        cents: 2_450,
        blurb: "Rings long enough to apologise.",
        hue: 42,
    },
    Product {
        id: "bag-harbour",
        name: "Harbour pannier",
        cents: 8_900,
        blurb: "Rolls shut against rain; opens in one hand.",
        hue: 205,
    },
    Product {
        id: "light-marten",
        name: "Marten light set",
        cents: 5_990,
        blurb: "Front and rear, charged by the hub, bright at walking pace.",
        hue: 265,
    },
    Product {
        id: "tent-linnet",
        name: "Linnet tent",
        cents: 34_900,
        blurb: "A room for two that weighs less than lunch.",
        hue: 140,
    },
    Product {
        id: "flask-ember",
        name: "Ember flask",
        cents: 3_200,
        blurb: "Still hot at the top of the pass.",
        hue: 18,
    },
];

/// The product with this id.
pub(super) fn find(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id == id)
}

/// An amount of cents as the decimal number of the JSON documents.
pub(super) fn amount(cents: u32) -> f64 {
    f64::from(cents) / 100.0
}
