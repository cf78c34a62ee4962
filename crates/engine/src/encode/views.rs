//! Test-time augmentation: a query is embedded in several views, and their embeddings are averaged (Krizhevsky,
//! Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012, use crops and
//! mirror images the same way).

use std::fmt;
use std::str::FromStr;

use lookalike_photo::{Crop, RgbImage, flip_horizontal};

/// The views of a query that are embedded and averaged: test-time augmentation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Views {
    /// The photo.
    Plain,
    /// The photo and its mirror image.
    Mirrored,
    /// The photo and a central crop of four fifths of each side. With the bundled weights, on groceries,
    /// garments and the demo shop, this names the right product for 2 to 3 photos of a hundred more than
    /// the photo alone (`benches/runs/2026-11-25-learnt-metric-epyc-2-cores`).
    #[default]
    Middle,
    /// The photo and the central crop, and the mirror images of both.
    Both,
}

impl Views {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Mirrored, Self::Middle, Self::Both];

    /// How many pictures are embedded.
    pub fn count(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Mirrored | Self::Middle => 2,
            Self::Both => 4,
        }
    }

    /// `plain`, `mirrored`, `middle` or `both`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Mirrored => "mirrored",
            Self::Middle => "middle",
            Self::Both => "both",
        }
    }

    /// The views of an upright photo; the photo itself is the last.
    pub(crate) fn of(self, photo: RgbImage) -> Vec<RgbImage> {
        let middle = || match Crop::new(0.1, 0.1, 0.8, 0.8) {
            Ok(crop) => crop.apply(&photo),
            Err(_) => photo.clone(),
        };
        let mut pictures = match self {
            Self::Plain => Vec::new(),
            Self::Mirrored => vec![flip_horizontal(&photo)],
            Self::Middle => vec![middle()],
            Self::Both => {
                let middle = middle();
                vec![flip_horizontal(&photo), flip_horizontal(&middle), middle]
            }
        };
        pictures.push(photo);
        pictures
    }
}

impl fmt::Display for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Views {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|views| views.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|views| views.name()).collect();
            format!("views are one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shows_as_many_pictures_as_it_says() {
        let mut photo = RgbImage::new(20, 10);
        photo.enumerate_pixels_mut().for_each(|(x, _, pixel)| pixel.0 = [x as u8; 3]);
        for views in Views::ALL {
            let pictures = views.of(photo.clone());
            assert_eq!(pictures.len(), views.count());
            assert_eq!(views.name().parse(), Ok(views));
            assert_eq!(pictures.last(), Some(&photo));
        }
        let mirrored = &Views::Mirrored.of(photo.clone())[0];
        assert_eq!(mirrored.get_pixel(0, 3), photo.get_pixel(19, 3));
        assert_eq!(Views::Middle.of(photo)[0].dimensions(), (16, 8));
        assert!("sideways".parse::<Views>().is_err());
    }
}
