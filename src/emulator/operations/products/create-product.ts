// CreateProduct: creates a product without devices, under a key that the platform chooses.
import { productKeyOf } from "../../state/ids.js";
import { newProduct } from "../../state/product.js";
import { ANY_METHOD, operation } from "../operation.js";
import { oneOfNumbers, orElse, readFlag, readOneOf, required, text, whole } from "../readers.js";

export const createProduct = operation({
  callsPerSecond: 50,
  methods: ANY_METHOD,
  parameters: {
    ProductName: required(text(/^.{2,30}$/u)),
    NodeType: required(oneOfNumbers([0, 1])),
    DataFormat: oneOfNumbers([0, 1]),
    Description: text(/^.{1,100}$/su),
    AliyunCommodityCode: orElse(readOneOf(["iothub", "iothub_senior"]), "iothub_senior"),
    Id2: orElse(readFlag(), false),
    ProtocolType: text(),
    NetType: text(),
    JoinPermissionId: text(),
    ResourceGroupId: text(),
    AuthType: orElse(readOneOf(["secret", "id2", "x509"]), "secret"),
    CategoryKey: text(),
    PublishAuto: readFlag(),
    ValidateType: whole(0, 2),
  },
  carryOut(asked, { platform }) {
    const number = platform.products.size;
    const product = newProduct(productKeyOf(number), number, {
      name: asked.ProductName,
      nodeType: asked.NodeType,
      dataFormat: asked.DataFormat,
      description: asked.Description,
      authType: asked.AuthType,
      id2: asked.Id2,
      protocolType: asked.ProtocolType,
      commodityCode: asked.AliyunCommodityCode,
    });
    platform.products.set(product.key, product);
    const Data = {
      ProductKey: product.key,
      ProductName: product.name,
      ProductSecret: product.secret,
      NodeType: product.nodeType,
      DataFormat: product.dataFormat,
      Description: product.description,
      AuthType: product.authType,
      Id2: product.id2,
      ProtocolType: product.protocolType,
      AliyunCommodityCode: product.commodityCode,
    };
    return { fields: { ProductKey: product.key, Data } };
  },
});
