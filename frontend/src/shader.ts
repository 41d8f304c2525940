/**
 * How a pixel of a slice is made: CT, over it PET by the fusion part, over both the mask.
 *
 * NiiVue's own shader puts PET over the mask, which hides the mask when PET is shown alone. The rim
 * of a lesion is found on the screen, not in voxels, so it is a thin line at every zoom. NiiVue finds
 * uniforms by their text, one to a line.
 */
export const SLICE_SHADER = `#version 300 es
precision highp int;
precision highp float;
uniform highp sampler3D volume;
uniform highp sampler3D overlay;
uniform highp sampler3D drawing;
uniform highp sampler2D colormap;
uniform float overlays;
uniform float overlayAlphaShader;
uniform float opacity;
uniform float drawOpacity;
uniform float drawRimOpacity;
in vec3 texPos;
out vec4 color;

float labelAt(vec3 at) {
  if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) return 0.0;
  return texture(drawing, at).r;
}

vec4 colourOf(float label) {
  float rows = float(textureSize(colormap, 0).y);
  return texture(colormap, vec2((label * 255.0 + 0.5) / 256.0, (rows - 0.5) / rows));
}

void main() {
  color = vec4(texture(volume, texPos).rgb, opacity);
  if (overlays > 0.0) color.rgb = mix(color.rgb, texture(overlay, texPos).rgb, overlayAlphaShader);
  float label = labelAt(texPos);
  vec3 across = 1.5 * dFdx(texPos);
  vec3 down = 1.5 * dFdy(texPos);
  vec4 beside = vec4(
    labelAt(texPos - across), labelAt(texPos + across), labelAt(texPos - down), labelAt(texPos + down)
  );
  if (label > 0.0) {
    vec4 paint = colourOf(label);
    bool rim = any(notEqual(beside, vec4(label)));
    float part = rim ? drawRimOpacity : drawOpacity * paint.a;
    color.rgb = mix(color.rgb, paint.rgb, part);
  } else if (any(greaterThan(beside, vec4(0.0)))) {
    // A dark hem outside keeps a bright rim legible on bright and on inverted pictures.
    color.rgb = mix(color.rgb, vec3(0.0), 0.45 * drawRimOpacity);
  }
}
`;
