//! What holds modules is a module: `Vec`, arrays, slices and tuples number what they hold, `Option` and `Box` add no name.

use crate::module::join;
use crate::{Module, Parameter};

impl Module for Parameter {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        found.push((path.to_owned(), self));
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        found.push((path.to_owned(), self));
    }
}

impl<M: Module> Module for [M] {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        for (i, module) in self.iter().enumerate() {
            module.collect(&join(path, &i.to_string()), found);
        }
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        for (i, module) in self.iter_mut().enumerate() {
            module.collect_mut(&join(path, &i.to_string()), found);
        }
    }
}

impl<M: Module> Module for Vec<M> {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        self[..].collect(path, found);
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        self[..].collect_mut(path, found);
    }
}

impl<M: Module, const N: usize> Module for [M; N] {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        self[..].collect(path, found);
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        self[..].collect_mut(path, found);
    }
}

impl<M: Module> Module for Option<M> {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        if let Some(module) = self {
            module.collect(path, found);
        }
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        if let Some(module) = self {
            module.collect_mut(path, found);
        }
    }
}

/// Also of a `dyn Module`.
impl<M: Module + ?Sized> Module for Box<M> {
    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
        (**self).collect(path, found);
    }

    fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
        (**self).collect_mut(path, found);
    }
}

macro_rules! tuples {
    ($($($name:ident $place:tt),+;)*) => {$(
        impl<$($name: Module),+> Module for ($($name,)+) {
            fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Parameter)>) {
                $(self.$place.collect(&join(path, stringify!($place)), found);)+
            }

            fn collect_mut<'a>(&'a mut self, path: &str, found: &mut Vec<(String, &'a mut Parameter)>) {
                $(self.$place.collect_mut(&join(path, stringify!($place)), found);)+
            }
        }
    )*};
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
}
