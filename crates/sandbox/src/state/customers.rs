//! Guest and registered customers, each with at most one basket.

use std::collections::HashMap;

use crate::catalog::{self, Product};
use crate::ids;
use crate::options::Shopper;

/// All customers by id.
pub(crate) struct Customers {
    by_id: HashMap<String, Customer>,
    by_login: HashMap<String, String>,
}

impl Customers {
    pub(super) fn new(shoppers: &[Shopper]) -> Self {
        let mut customers = Self { by_id: HashMap::new(), by_login: HashMap::new() };
        for shopper in shoppers {
            customers.register(shopper);
        }
        customers
    }

    /// Creates an account and returns the customer's id; `None` if the login id is taken.
    pub(crate) fn register(&mut self, shopper: &Shopper) -> Option<String> {
        if self.by_login.contains_key(&shopper.login) {
            return None;
        }
        let customer = Customer::registered(shopper);
        let id = customer.id.clone();
        self.by_login.insert(shopper.login.clone(), id.clone());
        self.by_id.insert(id.clone(), customer);
        Some(id)
    }

    /// Creates a guest and returns its id.
    pub(crate) fn new_guest(&mut self) -> String {
        let id = ids::customer_id("ab");
        let guest = Customer { id: id.clone(), name: String::new(), account: None, basket: None };
        self.by_id.insert(id.clone(), guest);
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Customer> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Customer> {
        self.by_id.get_mut(id)
    }

    /// The registered customer with this login id.
    pub(crate) fn by_login(&self, login: &str) -> Option<&Customer> {
        self.get(self.by_login.get(login)?)
    }

    /// Whether this id belongs to a guest.
    pub(crate) fn is_guest(&self, id: &str) -> bool {
        self.get(id).is_some_and(|customer| customer.account.is_none())
    }

    /// Sets a password and its time, which invalidates older tokens.
    pub(crate) fn change_password(&mut self, login: &str, password: &str, now: i64) {
        let customer = self.by_login.get(login).and_then(|id| self.by_id.get_mut(id));
        if let Some(account) = customer.and_then(|customer| customer.account.as_mut()) {
            password.clone_into(&mut account.password);
            account.changed_at = Some(now);
        }
    }

    /// Merges the basket of one customer into that of another and creates it if needed.
    pub(crate) fn move_basket(&mut self, from: &str, to: &str, merge: MergeMode) {
        if let Some(source) = self.take_basket(from)
            && let Some(customer) = self.get_mut(to)
        {
            customer.basket.get_or_insert_with(Basket::new).merge_from(&source, merge);
        }
    }

    /// Removes the basket of a customer and returns it.
    pub(crate) fn take_basket(&mut self, id: &str) -> Option<Basket> {
        self.get_mut(id)?.basket.take()
    }
}

/// A customer; registered if there is an account.
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) basket: Option<Basket>,
    account: Option<Account>,
}

impl Customer {
    fn registered(shopper: &Shopper) -> Self {
        let account = Account {
            login: shopper.login.clone(),
            password: shopper.password.clone(),
            changed_at: None,
        };
        Self {
            id: ids::customer_id("bc"),
            name: shopper.name.clone(),
            basket: None,
            account: Some(account),
        }
    }

    /// The login id of a registered customer.
    pub(crate) fn login(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.login.as_str())
    }

    /// `registered` or `guest`, as all APIs name it.
    pub(crate) fn kind(&self) -> &'static str {
        if self.account.is_some() { "registered" } else { "guest" }
    }

    pub(crate) fn has_password(&self, password: &str) -> bool {
        self.account.as_ref().is_some_and(|account| account.password == password)
    }

    /// Whether the password changed at or after this time.
    pub(crate) fn changed_since(&self, time: i64) -> bool {
        let changed_at = self.account.as_ref().and_then(|account| account.changed_at);
        changed_at.is_some_and(|changed_at| time <= changed_at)
    }
}

struct Account {
    login: String,
    password: String,
    changed_at: Option<i64>,
}

/// A basket and its items.
#[derive(Clone)]
pub(crate) struct Basket {
    pub(crate) id: String,
    pub(crate) items: Vec<LineItem>,
}

impl Basket {
    pub(crate) fn new() -> Self {
        Self { id: ids::document_id(), items: Vec::new() }
    }

    /// Adds a quantity to the item of this product, or a new item.
    pub(crate) fn add(&mut self, product: &'static Product, quantity: u32) {
        self.put(product, quantity, MergeMode::Sum);
    }

    /// Merges the items of another basket into this one.
    pub(crate) fn merge_from(&mut self, other: &Self, merge: MergeMode) {
        for item in &other.items {
            if let Some(product) = catalog::find(item.product.id) {
                self.put(product, item.quantity, merge);
            }
        }
    }

    /// The sum of all quantities.
    pub(crate) fn count(&self) -> u32 {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.quantity))
    }

    /// The sum of all prices.
    pub(crate) fn total_cents(&self) -> u32 {
        self.items.iter().fold(0, |sum, item| sum.saturating_add(item.cents()))
    }

    fn put(&mut self, product: &'static Product, quantity: u32, merge: MergeMode) {
        let same = self.items.iter_mut().find(|item| item.product.id == product.id);
        match (same, merge) {
            (Some(item), MergeMode::Sum) => item.quantity = item.quantity.saturating_add(quantity),
            (Some(item), MergeMode::Higher) => item.quantity = item.quantity.max(quantity),
            (Some(_), MergeMode::Saved) => {}
            (None, _) | (_, MergeMode::Separate) => {
                self.items.push(LineItem { id: ids::document_id(), product, quantity });
            }
        }
    }
}

/// What a merge does with a product that both baskets contain (`productItemMergeMode`).
#[derive(Clone, Copy)]
pub(crate) enum MergeMode {
    Sum,
    Higher,
    Saved,
    Separate,
}

impl MergeMode {
    /// The mode of this name; `higher_quantity` is the default of the platform.
    pub(crate) fn from_name(name: Option<&str>) -> Option<Self> {
        match name {
            None | Some("higher_quantity") => Some(Self::Higher),
            Some("sum_quantities") => Some(Self::Sum),
            Some("saved_quantity") => Some(Self::Saved),
            Some("separate_item") => Some(Self::Separate),
            Some(_) => None,
        }
    }
}

/// One product in a basket.
#[derive(Clone)]
pub(crate) struct LineItem {
    pub(crate) id: String,
    pub(crate) product: &'static Product,
    pub(crate) quantity: u32,
}

impl LineItem {
    pub(crate) fn cents(&self) -> u32 {
        self.product.cents.saturating_mul(self.quantity)
    }
}
